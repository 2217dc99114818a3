{
  networking.hostName = "web1";
  system.stateVersion = "26.05"; # what the host was installed with

  services.openssh.enable = true;
  # Who deploys: root, or a user of `wheel` (bungee.user) who becomes root by sudo.
  users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA… you@workstation" ];

  services.nginx.enable = true;
  networking.firewall.allowedTCPPorts = [ 80 ];

  bungee = {
    addresses = [ "web1.example.org" ];
    user = "root";
    # A host that is not well goes back.
    healthChecks.nginx.unit = "nginx.service";
  };
}
