# The type of `bungee.healthChecks`: by name, what has to be well before a host is confirmed. src/fleet/health-checks.ts says the same.
{ lib, setting, seconds }:
let
  inherit (lib) types;
  required = type: description: lib.mkOption { inherit type description; };
  # `http = "https://…"` for `http.url = "https://…"`
  orJust =
    name: type: options:
    types.coercedTo type (value: { ${name} = value; }) (types.submodule { inherit options; });

  from = setting (types.enum [
    "deployer"
    "host"
  ]) "Who asks. Default: deployer.";
  address = setting types.str;
in
types.attrsOf (
  types.submodule {
    options = {
      unit = setting (orJust "name" types.str {
        name = required types.str "A unit that has to be active.";
        for = setting (types.ints.between 0 3600) "How long it must stay so without a restart, in seconds. Default: 3.";
      }) "A unit of the host's systemd, or its name alone.";

      command = setting types.str "A shell command, run as root on the host: exit code 0 is well.";

      http = setting (orJust "url" types.str {
        url = required types.str "An http or https URL. Redirects are not followed, certificates are verified.";
        status = setting (types.ints.between 100 599) "The status that is well. Default: any from 200 to 299.";
        contains = setting types.str "A text that has to be in the first MiB of the body.";
        address = address "Where to connect. Default: where the URL leads.";
        inherit from;
      }) "A request, or its URL alone.";

      tcp = setting (orJust "port" (types.ints.between 1 65535) {
        port = required (types.ints.between 1 65535) "A port that has to take connections.";
        address = address "Where. Default: the host's address that answered; from the host, localhost.";
        inherit from;
      }) "A connection, or its port alone.";

      period = setting seconds "Seconds from a try to the next. Default: 1.";
      timeout = setting (types.ints.between 1 86400) "How long a try may take, in seconds. Default: 5.";
      retries = setting (types.ints.between 0 1000) "How many failures in a row are forgiven. Default: all, until confirmation.timeout is over.";
    };
  }
)
