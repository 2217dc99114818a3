# gate → a line of authorized_keys → the same, good for the gate alone. sshd is told twice, so that a key works in no other way should one of
# the two be lost. A key may bring options of its own, as from="…".
gate: key:
let
  bare = builtins.match "(ssh-|ecdsa-|sk-).*" key != null;
in
''restrict,command="${gate}"${if bare then " " else ","}${key}''
