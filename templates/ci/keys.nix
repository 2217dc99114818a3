# Public keys, all in one place: none of this is secret. README.md says how they are made.
{
  # Who deploys by hand, and for the first time.
  operators = [ "ssh-ed25519 AAAA… you@workstation" ];

  # The CI's login: the public half of its secret DEPLOY_SSH_KEY.
  ci = "ssh-ed25519 AAAA… ci";

  # What signs the fleet's systems: the public half of the CI's secret SIGNING_KEY.
  fleet = "fleet-1:AAAA=";
}
