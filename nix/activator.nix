# What stands on a host with a deploy user (deploy-user.nix): the activator as bungee itself streams it, the one command that runs it
# as root, and the gate. They know each other by their places in /run/current-system/sw/bin, so the three of one system fit together,
# in the middle of a switch too.
{ runCommand }:
runCommand "bungee-activator" { } ''
  mkdir -p $out/bin
  cat ${../src/activator/host}/*.sh >$out/bin/bungee-activator
  cp ${../src/activator/restricted.sh} $out/bin/bungee-activator-restricted
  cp ${../src/activator/gate.sh} $out/bin/bungee-gate
  cp ${../src/activator/metrics.sh} $out/bin/bungee-metrics
  chmod 555 $out/bin/*
''
