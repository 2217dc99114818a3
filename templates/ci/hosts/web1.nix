{
  imports = [ ../modules/web.nix ];

  bungee.addresses = [ "web1.example.org" ];
}
