# What a host runs, would boot and last did with bungee, for Prometheus: docs/nixos-modules.md. src/activator/metrics.sh writes it to a
# textfile of node exporter, when a generation is made or a run of bungee ends, and once a minute, since an age grows by itself.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.bungee.metrics;
in
{
  options.services.bungee.metrics = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host's generations, and how bungee's last run here ended, are told to Prometheus.";
    };
    directory = mkOption {
      type = types.strMatching "/[^ %]*";
      default = "/run/bungee-metrics";
      description = "Where bungee.prom is written: a directory that node exporter's textfile collector reads.";
    };
    nodeExporter = mkOption {
      type = types.bool;
      default = true;
      description = "Whether node exporter runs, and reads that directory. Without it, one of your own has to.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.bungee-metrics = {
      description = "Metrics of this host's generations and of bungee";
      wantedBy = [ "multi-user.target" ];
      # A path that changes often is no reason to give up.
      unitConfig.StartLimitIntervalSec = 0;
      # Not a oneshot that sleeps before it starts: nobody has to wait for this, a switch least of all. The end of a run is several
      # changes, and systemd hears none of those that come while the service runs.
      script = ''
        sleep 1
        exec ${pkgs.runtimeShell} ${../src/activator/metrics.sh} ${cfg.directory}/bungee.prom
      '';
      serviceConfig = {
        NoNewPrivileges = true;
        PrivateNetwork = true;
        PrivateTmp = true;
        ProtectHome = true;
        ProtectSystem = "full";
      };
    };
    systemd.paths.bungee-metrics = {
      description = "Whether this host's generations changed";
      wantedBy = [ "multi-user.target" ];
      # Directories, since systemd does not hear that a link was replaced: seen with 252 and 257 on /run/current-system. A switch starts
      # the service by itself, as all that is wanted and has ended; and there is the timer.
      pathConfig.PathChanged = [
        "/nix/var/nix/profiles"
        "/var/lib/bungee"
      ];
    };
    systemd.timers.bungee-metrics = {
      description = "How old this host's generation is";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = "minutely";
        AccuracySec = "5s";
      };
    };

    services.prometheus.exporters.node = lib.mkIf cfg.nodeExporter {
      enable = true;
      enabledCollectors = [ "textfile" ];
      extraFlags = [ "--collector.textfile.directory=${cfg.directory}" ];
    };
  };
}
