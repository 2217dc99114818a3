# A derivation that needs nothing but /bin/sh and coreutils: name → its environment → its script.
{ system }:
name: env: script:
derivation (
  {
    inherit name system;
    builder = "/bin/sh";
    args = [
      "-euc"
      script
    ];
    PATH = "/usr/local/bin:/usr/bin:/bin";
    preferLocalBuild = true;
    allowSubstitutes = false;
  }
  // env
)
