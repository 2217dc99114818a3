{
  services.postgresql.enable = true;

  bungee = {
    addresses = [ "db.example.org" ];
    labels.role = "db";
    activation.timeout = 600; # a migration may take its time
    healthChecks.database.unit = {
      name = "postgresql.service";
      for = 5; # seconds that it has to live
    };
  };
}
