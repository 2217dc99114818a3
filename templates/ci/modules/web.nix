# A web server.
{
  services.nginx.enable = true;
  networking.firewall.allowedTCPPorts = [ 80 ];

  bungee = {
    labels.role = "web";
    # A host that is not well goes back.
    healthChecks.nginx.unit = "nginx.service";
  };
}
