# A binary cache for the fleet: Harmonia serves this host's own store, nginx puts TLS before it. docs/nixos-modules.md
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.services.bungee.cache;

  directory = "/var/lib/bungee-cache";
  generated = cfg.signingKeyFile == null;
  signingKey = if generated then "${directory}/secret.key" else cfg.signingKeyFile;

  # Harmonia's options have moved twice. A nixpkgs older than Harmonia has none of them.
  found = options.services.harmonia or { };
  harmonia =
    settings:
    if found ? cache then
      { cache = settings // { signKeyPaths = [ signingKey ]; }; }
    else if found ? signKeyPaths then
      settings // { signKeyPaths = [ signingKey ]; }
    else
      settings // { signKeyPath = signingKey; };
in
{
  imports = [ ./cache-push.nix ];

  options.services.bungee.cache = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this host serves its nix store to others.";
    };
    domain = mkOption {
      type = types.str;
      example = "cache.example.org";
      description = "The name by which clients know it: https://<domain>.";
    };
    signingKeyFile = mkOption {
      type = types.nullOr (types.strMatching "/.+");
      default = null;
      description = "The secret key that signs, on the host, as text: a path would be copied to the store. Default: one is made there, in ${directory}.";
    };
    port = mkOption {
      type = types.port;
      default = 5000;
      description = "Where Harmonia listens, for nginx on the same host alone.";
    };
    priority = mkOption {
      type = types.ints.between 1 1000;
      default = 30;
      description = "The lower, the earlier nix asks this cache; cache.nixos.org has 40.";
    };
    certificate = mkOption {
      type = types.nullOr (types.strMatching "/.+");
      default = null;
      description = "A TLS certificate on the host, with its chain, as text. Default: one comes by ACME (security.acme).";
    };
    certificateKey = mkOption {
      type = types.nullOr (types.strMatching "/.+");
      default = null;
      description = "The key of that certificate, on the host, as text.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the firewall lets ports 80 and 443 through.";
    };
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = found != { };
        message = "services.bungee.cache: this nixpkgs has no services.harmonia, and is too old for it";
      }
      {
        assertion = (cfg.certificate == null) == (cfg.certificateKey == null);
        message = "services.bungee.cache: certificate and certificateKey are set together, or not at all";
      }
      {
        assertion = !(lib.any (lib.hasPrefix builtins.storeDir) (lib.filter (file: file != null) [ cfg.signingKeyFile cfg.certificateKey ]));
        message = "services.bungee.cache: signingKeyFile and certificateKey may not be in the nix store, where everybody can read them";
      }
    ];

    services = {
      nginx = {
        enable = true;
        recommendedTlsSettings = true;
        virtualHosts.${cfg.domain} = {
          forceSSL = true;
          locations."/" = {
            proxyPass = "http://127.0.0.1:${toString cfg.port}";
            extraConfig = ''
              proxy_http_version 1.1;
              proxy_set_header Host $host;
              # An archive may be gigabytes, which need not be on nginx' disk first.
              proxy_buffering off;
            '';
          };
        }
        // (
          if cfg.certificate == null then
            { enableACME = true; }
          else
            {
              sslCertificate = cfg.certificate;
              sslCertificateKey = cfg.certificateKey;
            }
        );
      };
    }
    // lib.optionalAttrs (options.services ? harmonia) {
      harmonia = harmonia {
        enable = true;
        settings = {
          bind = "127.0.0.1:${toString cfg.port}";
          inherit (cfg) priority;
        };
      };
    };

    systemd.services.bungee-cache-key = mkIf generated {
      description = "Makes the key that signs what the binary cache serves";
      requiredBy = [ "harmonia.service" ];
      before = [ "harmonia.service" ];
      unitConfig.ConditionPathExists = "!${signingKey}";
      path = [ config.nix.package ];
      serviceConfig = {
        Type = "oneshot";
        UMask = "0077";
        StateDirectory = "bungee-cache";
        StateDirectoryMode = "0755";
        WorkingDirectory = directory;
      };
      # The secret key comes last: with it in its place, all is done.
      script = ''
        nix-store --generate-binary-cache-key ${cfg.domain}-1 secret.key.new public.key
        chmod 644 public.key
        mv secret.key.new secret.key
      '';
    };

    networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall [
      80
      443
    ];
  };
}
