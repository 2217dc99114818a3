# What stands on the host of a cache for who pushes to it (cache-push.nix): the keeper as bungee itself streams it, and the gate.
{ runCommand }:
runCommand "bungee-cache-keeper" { } ''
  mkdir -p $out/bin
  cat ${../src/activator/host/01-answers.sh} ${../src/activator/host/02-host.sh} ${../src/activator/cache/keeper.sh} \
    >$out/bin/bungee-cache-keeper
  cp ${../src/activator/cache/gate.sh} $out/bin/bungee-cache-gate
  chmod 555 $out/bin/*
''
