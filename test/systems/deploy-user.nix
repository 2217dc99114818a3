# A host with a deploy user, as nix/deploy-user.nix makes it out of the same files: the commands, the gate, the sudo rule.
{
  authorizedKeys,
  name ? "ci",
  trusted ? false,
  # Public keys whose signatures nix accepts.
  signers ? [ ],
  # What the host's own module would write, when config.bungee.requireSignature is set.
  requireSignature ? false,
  # More lines of nix.conf, and of sudoers and sshd_config before the user's own.
  nixConf ? "",
  sudoConf ? "",
  sshdConf ? "",
  # The name of the node, when it is another than the host's.
  node ? null,
}:
{ pkgs, config, ... }:
let
  gated = import ./gated-user.nix {
    inherit name authorizedKeys nixConf sshdConf;
    kind = "deploy-user";
    gate = "bungee-gate";
    # The lab's own user and nix' own key, as on the base system.
    trustedUsers = [ "deploy" ] ++ (if trusted then [ name ] else [ ]);
    signers = [ "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" ] ++ signers;
  };
in
{
  environment.systemPackages = [ (import ./bungee/nix/activator.nix { inherit (pkgs) runCommand; }) ];

  environment.etc =
    gated.etc
    // {
      "bungee/node".text = "${if node == null then config.networking.hostName else node}\n";
      "sudoers.d/deploy-user" = {
        text = "${sudoConf}\n${name} ALL=(root) NOPASSWD: /run/current-system/sw/bin/bungee-activator-restricted\n";
        mode = "0440";
      };
    }
    // (if requireSignature then { "bungee/require-signature".text = ""; } else { });
  system = { inherit (gated) activationScripts; };
}
