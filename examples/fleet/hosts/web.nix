# A web server.
{ config, ... }:
{
  imports = [ ./common.nix ];

  networking.firewall.allowedTCPPorts = [ 80 ];

  systemd.services.web = {
    description = "Web server";
    wantedBy = [ "multi-user.target" ];
    script = ''
      echo "${config.networking.hostName} serves version 1" >/run/web
      exec sleep infinity
    '';
  };

  bungee = {
    labels.role = "web";
    after = [ "db" ];
    # What does not serve goes back, though its unit runs.
    healthChecks.web.command = "grep serves /run/web";
  };
}
