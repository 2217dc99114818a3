{
  imports = [ ./web.nix ];

  networking = {
    hostName = "web2";
    interfaces.host0.ipv4.addresses = [
      {
        address = "10.77.1.2";
        prefixLength = 16;
      }
    ];
  };

  bungee.addresses = [ "10.77.1.2" ];
}
