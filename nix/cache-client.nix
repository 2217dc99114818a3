# Lets a host, or a person's own machine, fetch from the fleet's binary caches (cache.nix). docs/nixos-modules.md
{
  config,
  lib,
  options,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.bungee.cacheClient;
in
{
  options.services.bungee.cacheClient = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether nix fetches from these caches too.";
    };
    urls = mkOption {
      type = types.listOf (types.strMatching "[a-z0-9+-]+://[^ ]+");
      default = [ ];
      example = [ "https://cache.example.org" ];
      description = "Where they are.";
    };
    publicKeys = mkOption {
      type = types.listOf (types.strMatching "[^ :]+:[A-Za-z0-9+/]+=*");
      default = [ ];
      example = [ "cache.example.org-1:AAAA…=" ];
      description = "The keys that they sign with: what they serve is taken for nothing else's sake.";
    };
    connectTimeout = mkOption {
      type = types.ints.between 1 300;
      default = 5;
      description = "After how many seconds nix gives up on a cache that is silent.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.urls != [ ] && cfg.publicKeys != [ ];
        message = "services.bungee.cacheClient: without urls and publicKeys nothing is fetched";
      }
    ];
    # A cache that is down must not keep a host from being deployed.
    nix =
      if options.nix ? settings then
        {
          settings = {
            substituters = cfg.urls;
            trusted-public-keys = cfg.publicKeys;
            connect-timeout = cfg.connectTimeout;
            fallback = true;
          };
        }
      else
        {
          binaryCaches = cfg.urls;
          binaryCachePublicKeys = cfg.publicKeys;
          extraOptions = ''
            connect-timeout = ${toString cfg.connectTimeout}
            fallback = true
          '';
        };
  };
}
