# The fleet's binary cache; `bungee push-cache` brings it what CI builds.
{
  services.bungee.cache = {
    enable = true;
    domain = "cache.example.org";
    push = {
      enable = true;
      authorizedKeys = [ (import ../keys.nix).ci ];
    };
  };
  security.acme = {
    acceptTerms = true;
    defaults.email = "you@example.org";
  };

  bungee = {
    addresses = [ "cache.example.org" ];
    labels.role = "cache";
  };
}
