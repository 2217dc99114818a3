# Who may deploy, and what: docs/deploy-user.md of bungee.
let
  keys = import ../keys.nix;
in
{
  # A login that can deploy and nothing else. Of another name than any person's. CI takes it by ci/ssh_config; you log in as ever.
  services.bungee.deployUser = {
    enable = true;
    name = "ci";
    authorizedKeys = [ keys.ci ];
  };

  # Only systems that the fleet's key signed, whoever deploys them: a thief of the CI's SSH key has nothing to deploy.
  bungee.requireSignature = true;
  nix.settings.trusted-public-keys = [ keys.fleet ];

  # Hosts fetch from the fleet's cache what the fleet's key signed. They do not trust the cache's own key: it signs whatever lies there.
  services.bungee.cacheClient = {
    enable = true;
    urls = [ "https://cache.example.org" ];
    publicKeys = [ keys.fleet ];
  };
}
