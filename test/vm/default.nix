# NixOS tests of bungee's promises, on machines with a kernel, a boot loader and a network of their own.
# { pkgs, bungee, nixosModules } → { vm-deploy; … }, for `nix flake check`. README.md says how they are run, and what shows the same without KVM.
{
  pkgs,
  bungee,
  nixosModules,
}:
let
  # Until 2022 there was nixosTest alone.
  make = pkgs.testers.runNixOSTest or pkgs.nixosTest;

  # One deployer, one host, and the script of that name. `user` is who logs in, `target` is more of the host's configuration.
  vmTest =
    name:
    {
      user ? "root",
      target ? { },
    }:
    make {
      name = "bungee-${name}";
      nodes = {
        deployer = import ./deployer.nix { inherit bungee user; };
        target.imports = [
          ./target.nix
          target
        ];
      };
      testScript = builtins.readFile ./common.py + builtins.readFile (./. + "/${name}.py");
    };

  keys = import "${pkgs.path}/nixos/tests/ssh-keys.nix" pkgs;
in
{
  vm-deploy = vmTest "deploy" { };
  vm-snap-back = vmTest "snap-back" { };
  vm-test-branch = vmTest "test-branch" { };
  vm-deploy-user = vmTest "deploy-user" {
    user = "deploy";
    target = {
      imports = [ nixosModules.deploy-user ];
      services.bungee.deployUser = {
        enable = true;
        authorizedKeys = [ keys.snakeOilPublicKey ];
        # Nobody signs here. What signatures are good for is shown in the lab.
        trusted = true;
      };
    };
  };
}
