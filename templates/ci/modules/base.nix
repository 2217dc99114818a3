# What all hosts have in common.
{
  imports = [ ./hardware.nix ];

  system.stateVersion = "26.05"; # what the hosts were installed with

  services.openssh.enable = true;
  users.users.root.openssh.authorizedKeys.keys = (import ../keys.nix).operators;

  # Generations, needed reboots and bungee's last run, for Prometheus. Not open to the network: `openFirewall` of the exporter.
  services.bungee.metrics.enable = true;
}
