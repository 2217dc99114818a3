# What all hosts have in common.
{
  imports = [ ./hardware.nix ];

  system.stateVersion = "26.05"; # what the hosts were installed with

  services.openssh.enable = true;
  # Who deploys: root, or a user of `wheel` (bungee.user) who becomes root by sudo.
  users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA… you@workstation" ];

  bungee = {
    user = "root";
    labels.tier = "prod"; # `bungee deploy tier=prod`
    # How long a host waits for somebody who finds it well, before it goes back.
    confirmation.timeout = 60;
  };
}
