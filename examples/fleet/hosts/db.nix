# The database; it is deployed before the web servers, which need it.
let
  configuration = "version 1";
in
{
  imports = [ ./common.nix ];

  networking = {
    hostName = "db";
    interfaces.host0.ipv4.addresses = [
      {
        address = "10.77.1.3";
        prefixLength = 16;
      }
    ];
    firewall.allowedTCPPorts = [ 5432 ];
  };

  systemd.services.database = {
    description = "Database";
    wantedBy = [ "multi-user.target" ];
    # A change of it is a reload: connections live on.
    reloadIfChanged = true;
    script = ''
      echo "${configuration}" >/run/database
      exec sleep infinity
    '';
    reload = ''echo "${configuration}" >/run/database'';
  };

  bungee = {
    addresses = [ "10.77.1.3" ];
    labels.role = "db";
    activation.timeout = 600; # a migration may take its time
  };
}
