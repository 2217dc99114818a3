# A web server.
{
  services.nginx = {
    enable = true;
    virtualHosts.default = {
      default = true;
      locations."/health".return = "200 ok";
    };
  };
  networking.firewall.allowedTCPPorts = [ 80 ];

  bungee = {
    labels.role = "web"; # `bungee deploy role=web`
    after = [ "db" ]; # where both are deployed: db first
    # A host that is not well goes back.
    healthChecks.nginx.unit = "nginx.service";
    healthChecks.site.http = {
      url = "http://localhost/health";
      from = "host"; # asked there, and not by who deploys
    };
  };
}
