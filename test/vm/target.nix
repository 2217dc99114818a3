# The host that is deployed to: with a boot loader, since what it boots is half of what is promised, and without anything of bungee.
# Its specialisations are the systems that it can be given (fleet.nix): built beforehand, as there is no network to build them with.
{
  lib,
  options,
  pkgs,
  ...
}:
let
  keys = import "${pkgs.path}/nixos/tests/ssh-keys.nix" pkgs;
  service = unit: {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
  }
  // unit;
in
{
  virtualisation = {
    memorySize = 1024;
    useBootLoader = true;
    useEFIBoot = true;
  };
  boot.loader = {
    systemd-boot.enable = true;
    efi.canTouchEfiVariables = true;
  };

  services.openssh.enable = true;
  users.users.root.openssh.authorizedKeys.keys = [ keys.snakeOilPublicKey ];

  environment.etc.version.text = lib.mkDefault "1";

  specialisation = {
    next.configuration.environment.etc.version.text = "2";
    # Its switch takes a while: time to pull the cable.
    slow.configuration.systemd.services.slow = service { script = "sleep 20"; };
    no-network.configuration.systemd.services.no-network = service {
      path = [ pkgs.iproute2 or pkgs.iproute ];
      script = "ip link set eth1 down";
      postStop = "ip link set eth1 up";
    };
    no-sshd.configuration.services.openssh.enable = lib.mkForce false;
  };

  # A machine of a test has no switch-to-configuration unless it is asked for.
  system = lib.optionalAttrs (options.system ? switch) { switch.enable = true; };
}
