# What all hosts have in common.
{
  networking.firewall = {
    enable = true;
    allowedTCPPorts = [ 22 ]; # bungee comes in here
  };

  bungee = {
    user = "deploy";
    labels.stage = "demo";
  };
}
