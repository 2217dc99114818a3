# The host of a binary cache with a push user, as nix/cache-push.nix makes it out of the same files: the keeper, the gate, and a directory of
# the user's own for GC roots.
{
  authorizedKeys,
  name ? "push",
  # Public keys whose signatures nix accepts.
  signers ? [ ],
}:
{ pkgs, ... }:
let
  gated = import ./gated-user.nix {
    inherit name authorizedKeys signers;
    kind = "push-user";
    gate = "bungee-cache-gate";
    activation = "install -d -o ${name} -g ${name} -m 755 /nix/var/nix/gcroots/bungee-cache";
  };
in
{
  environment.systemPackages = [ (import ./bungee/nix/cache-keeper.nix { inherit (pkgs) runCommand; }) ];
  environment.etc = gated.etc;
  system = { inherit (gated) activationScripts; };
}
