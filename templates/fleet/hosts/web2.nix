{
  imports = [ ../modules/web.nix ];

  bungee.addresses = [ "web2.example.org" ];
}
