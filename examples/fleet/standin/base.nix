# What every system has, and the list of the options that the stand-in knows. Names and meanings are NixOS' own,
# but for those under `standin`.
{ config, ... }:
let
  inherit (builtins)
    concatStringsSep
    head
    map
    toString
    ;
  when = condition: value: if condition then value else { };

  addresses = config.networking.interfaces.host0.ipv4.addresses;
  address =
    if addresses == [ ] then
      "$(cat /etc/lab-address)"
    else
      "${(head addresses).address}/${toString (head addresses).prefixLength}";

  firewall = config.networking.firewall;
in
{
  networking = {
    hostName = "nixos";
    # Without an address the host takes the one that the lab gave it.
    interfaces.host0.ipv4.addresses = [ ];
    firewall = {
      enable = false;
      allowedTCPPorts = [ ];
    };
  };

  system = {
    nixos.label = "24.05.standin";
    stateVersion = "24.05";
    activationScripts = { };
    preSwitchChecks = { };
  };

  # Their programs are in /run/current-system/sw/bin.
  environment.systemPackages = [ ];

  environment.etc = {
    "hostname".text = "${config.networking.hostName}\n";
    "os-release".text = ''
      ID=nixos
      NAME=NixOS
      PRETTY_NAME="NixOS ${config.system.nixos.label}"
    '';
  };

  # <name>.{ description script preStart postStart preStop postStop reload serviceConfig unitConfig wantedBy after before
  #          enable restartIfChanged reloadIfChanged stopIfChanged overrideStrategy }
  systemd.services = {
    network-lab = {
      description = "Address of host0";
      before = [ "network.target" ];
      wantedBy = [ "multi-user.target" ];
      # As NixOS' own: a host that lost its address while it is activated could not be followed.
      stopIfChanged = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = "true";
      };
      # The one that stays is not touched, so that connections live on. The kernel may take more addresses away than it is
      # told to, so it is given that one again.
      script = ''
        address=${address}
        ip link set host0 up
        ip -oneline -4 address show dev host0 | while read -r _ _ _ other _; do
          [ "$other" = "$address" ] || ip address delete "$other" dev host0
        done
        ip address replace "$address" dev host0
      '';
    };
  }
  // when firewall.enable {
    firewall = {
      description = "Firewall";
      before = [ "network.target" ];
      wantedBy = [ "multi-user.target" ];
      stopIfChanged = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = "true";
      };
      script = ''
        nft -f - <<'RULES'
        table inet nixos-fw
        delete table inet nixos-fw
        table inet nixos-fw {
          chain input {
            type filter hook input priority filter; policy drop;
            iif lo accept
            ct state established,related accept
            icmp type echo-request accept
            ${concatStringsSep "\n    " (map (port: "tcp dport ${toString port} accept") firewall.allowedTCPPorts)}
          }
        }
        RULES
      '';
      postStop = "nft delete table inet nixos-fw";
    };
  };

  specialisation = { };

  standin = {
    kernel = "6.1";
    initInterface = "systemd 3";
    # systemd-boot, grub, or of-the-host: the one whose directory the boot partition has.
    bootLoader = "systemd-boot";
    # Ballast in the closure, in KiB.
    payloadKiB = 16;
    # Names of places in switch-to-configuration → what happens there; for tests.
    faults = { };
  };
}
