# Systems that break a host, or seem to: one behaviour each. behaviour → arguments → { module; } added to an ordinary
# system, or { toplevel = ordinary toplevel: …; } in place of it. What each does to a host, and what mends it: README.md.
let
  oneshot = {
    Type = "oneshot";
    RemainAfterExit = "true";
  };
  service = unit: { wantedBy = [ "multi-user.target" ]; } // unit;
  busError = ''
    echo "Error: Failed to process dbus messages" >&2
    exit 1
  '';
  bootLoaderError = ''
    echo "Failed to install bootloader" >&2
    exit 1
  '';
in
{
  ordinary = _: { };

  # --- the network ---------------------------------------------------------------------------------------------------

  cuts-network = _: { module.systemd.services.network-lab.script = "ip link set host0 down"; };

  drops-packets = _: {
    module.systemd.services.drop-packets = service {
      serviceConfig = oneshot;
      script = ''
        nft add table inet drop-packets
        nft 'add chain inet drop-packets input { type filter hook input priority 0; policy drop; }'
        nft 'add chain inet drop-packets output { type filter hook output priority 0; policy drop; }'
        nft add rule inet drop-packets input iif lo accept
        nft add rule inet drop-packets output oif lo accept
      '';
      postStop = "nft delete table inet drop-packets";
    };
  };

  changes-address =
    {
      address ? "10.77.254.254",
      prefixLength ? 16,
    }:
    {
      module.networking.interfaces.host0.ipv4.addresses = [ { inherit address prefixLength; } ];
    };

  # Away for some seconds after the switch has ended, then back by itself.
  interrupts-network =
    {
      seconds ? 3,
    }:
    {
      module.systemd.services.interrupt-network = service {
        after = [ "network-lab.service" ];
        script = ''
          ip link set host0 down
          sleep ${toString seconds}
          ip link set host0 up
          exec sleep infinity
        '';
        postStop = "ip link set host0 up";
      };
    };

  # --- logging in ----------------------------------------------------------------------------------------------------

  stops-sshd = _: { module.systemd.services.ssh.enable = false; };

  restarts-sshd =
    {
      seconds ? 1,
    }:
    {
      module.systemd.services.ssh = {
        overrideStrategy = "asDropin";
        stopIfChanged = false;
        serviceConfig.ExecStartPre = "/bin/sleep ${toString seconds}";
      };
    };

  removes-key =
    {
      users ? [
        "root"
        "deploy"
        "alice"
      ],
    }:
    {
      module.environment.etc = builtins.listToAttrs (
        map (user: {
          name = "ssh/authorized_keys.d/${user}";
          value = {
            text = "";
            mode = "0444";
          };
        }) users
      );
    };

  refuses-sudo = _: {
    module.environment.etc."sudoers.d/lab" = {
      text = "# nobody may do anything\n";
      mode = "0440";
    };
  };

  # --- the switch ----------------------------------------------------------------------------------------------------

  hangs = _: { module.system.activationScripts.hang = "exec sleep infinity"; };

  hangs-in-unit = _: {
    module.systemd.services.never-ready = service {
      serviceConfig = oneshot // {
        TimeoutStartSec = "infinity";
      };
      script = "exec sleep infinity";
    };
  };

  slow =
    {
      seconds ? 5,
    }:
    {
      module.system.activationScripts.slow = "sleep ${toString seconds}";
    };

  # Exit 1, and nothing was touched.
  exits-before = _: { module.system.preSwitchChecks.refuse = "exit 1"; };

  # Exit 1 after units were stopped, as when systemd's bus goes away.
  exits-midway = _: { module.standin.faults.stopped = busError; };

  # Exit 1 when all was done.
  exits-after = _: { module.standin.faults.started = busError; };

  # Exit 2.
  fails-to-activate = _: { module.system.activationScripts.fail = "exit 1"; };

  # Exit 3.
  fails-to-reload = _: { module.standin.faults.activated = "exit 3"; };

  # Exit 4.
  leaves-unit-failed = _: {
    module.systemd.services.broken = service {
      serviceConfig = oneshot;
      script = "exit 1";
    };
  };

  # Exit 0; the unit fails when the switch has ended.
  unit-dies-later =
    {
      seconds ? 1,
    }:
    {
      module.systemd.services.short-lived = service { script = "sleep ${toString seconds}; exit 1"; };
    };

  killed = _: { module.standin.faults.stopped = "kill -9 $PPID"; };

  kills-everything = _: { module.system.activationScripts.kill = "kill -9 -1"; };

  # Fills the disk for everybody, exit 2; the service owns the file: it goes when a system without the service is activated.
  fills-disk = _: {
    module = {
      system.activationScripts.fill = "cat /dev/zero >/var/lib/filler";
      systemd.services.filler = service {
        serviceConfig = oneshot;
        script = ": a file of /var/lib";
        postStop = "rm -f /var/lib/filler";
      };
    };
  };

  resets = _: { module.system.activationScripts.reset = "reboot -ff"; };

  # --- the boot ------------------------------------------------------------------------------------------------------

  # `switch` and `boot` exit 1; the boot menu is as it was.
  fails-boot-step = _: { module.standin.faults.boot-loader = bootLoaderError; };

  # `switch` and `boot` exit 1; the boot menu is written already.
  fails-after-boot-step = _: { module.standin.faults.boot-loader-done = bootLoaderError; };

  new-kernel = _: { module.standin.kernel = "6.6"; };

  # Exit 100.
  new-init = _: { module.standin.initInterface = "systemd 4"; };

  # --- what should never be activated here ---------------------------------------------------------------------------

  other-host =
    {
      hostName ? "somebody-else",
    }:
    {
      module.networking = { inherit hostName; };
    };

  not-nixos = _: {
    toplevel =
      ordinary:
      derivation {
        name = "not-nixos";
        inherit (ordinary) system;
        builder = "/bin/sh";
        args = [
          "-c"
          "echo nothing to see here >$out"
        ];
      };
  };

  fails-to-build = _: {
    toplevel =
      ordinary:
      derivation {
        name = "fails-to-build";
        inherit (ordinary) system;
        builder = "/bin/sh";
        args = [
          "-c"
          "echo this builder always fails; exit 1"
        ];
      };
  };

  fails-to-evaluate = _: { toplevel = _: throw "this system cannot be evaluated"; };
}
