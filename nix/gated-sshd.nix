# { name, gate } → the part of sshd_config for a user who can do nothing but what a gate lets through: the gate, whatever was asked for, and
# nothing on the side. Each kind of forwarding is named: until OpenSSH 10.0, DisableForwarding left agent and X11 forwarding as they were.
{ name, gate }:
''
  Match User ${name}
    ForceCommand /run/current-system/sw/bin/${gate}
    AuthenticationMethods publickey
    PermitTTY no
    PermitUserRC no
    PermitTunnel no
    X11Forwarding no
    AllowAgentForwarding no
    AllowTcpForwarding no
    AllowStreamLocalForwarding no
    GatewayPorts no
    PermitOpen none
    PermitListen none
    # A client that has left without a word must not hold what it was bringing: as long as bungee itself waits for a silent host.
    ClientAliveInterval 5
    ClientAliveCountMax 3
    # In place of what the host accepts of others: no variable has this name.
    AcceptEnv _
  Match all
''
