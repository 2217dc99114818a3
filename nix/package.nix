# bungee as a package. Node runs its TypeScript as it is, so nothing is compiled: the sources, their dependencies, and a wrapper.
{
  lib,
  runCommand,
  makeWrapper,
  cacert,
  git,
  nix,
  nodejs_24,
  openssh,
}:
let
  manifest = lib.importJSON ../package.json;

  # package-lock.json names versions and hashes, and no registry (see docs/decisions/0011), so npm itself has to fetch:
  # the hash is that of what it unpacks. test/unit/nix-package.test.ts holds it to the lock file.
  dependencies =
    runCommand "bungee-dependencies"
      {
        nativeBuildInputs = [ nodejs_24 ];
        SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
        NODE_EXTRA_CA_CERTS = "${cacert}/etc/ssl/certs/ca-bundle.crt";
        impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "npm_config_registry" ];
        outputHashMode = "recursive";
        outputHashAlgo = "sha256";
        outputHash = "sha256-qBarFz6qVxuBPKMv4PEkJnxbXhodAdBP9gPn26CHGc0=";
      }
      ''
        cp ${../package.json} package.json
        cp ${../package-lock.json} package-lock.json
        export HOME=$TMPDIR
        npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --no-update-notifier
        # What differs between two versions of npm: its own notes, and the folders of scopes that it leaves empty.
        rm node_modules/.package-lock.json
        find node_modules -type d -empty -delete
        mkdir $out
        mv node_modules $out
      '';
in
runCommand "bungee-${manifest.version}"
  {
    pname = "bungee";
    inherit (manifest) version;
    nativeBuildInputs = [ makeWrapper ];
    passthru = { inherit dependencies; };
    meta = {
      inherit (manifest) description;
      license = lib.licenses.mit;
      mainProgram = "bungee";
      platforms = lib.platforms.linux;
    };
  }
  ''
    mkdir -p $out/share/bungee
    cp -r ${../src} $out/share/bungee/src
    cp -r ${../templates} $out/share/bungee/templates
    cp ${../package.json} $out/share/bungee/package.json
    ln -s ${dependencies}/node_modules $out/share/bungee/node_modules
    # Behind the user's own programs: bungee speaks as nix and ssh do on this machine.
    makeWrapper ${nodejs_24}/bin/node $out/bin/bungee \
      --add-flags $out/share/bungee/src/main.ts \
      --suffix PATH : ${
        lib.makeBinPath [
          nix
          openssh
          git
        ]
      }
    $out/bin/bungee --version | grep -Fx ${manifest.version}
  ''
