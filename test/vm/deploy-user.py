# Who may deploy and nothing else. In the lab: test/e2e/deploy-user.test.ts, test/e2e/thief.test.ts.
ready()

with subtest("the deploy user deploys"):
    want("next")
    bungee("deploy target")
    running, profile = systems()
    assert running == profile, systems()
    assert version() == "2"

with subtest("a host that it cuts off goes back, too"):
    want("no-network")
    bungee("deploy target", expect=1)
    assert systems() == [running, profile]

with subtest("it gets no shell and no other command"):
    for command in ["", "id", "sh -c id", "sudo -n id", "cat /etc/shadow", "bungee-gate"]:
        ssh = f"ssh deploy@target {command}"
        code, output = deployer.execute(f"{ssh} </dev/null 2>&1")
        assert code == 65, f"{ssh}: exit code {code}: {output}"
        assert "uid=" not in output

with subtest("nor files, nor a way through"):
    deployer.fail("scp deploy@target:/etc/version /root/stolen </dev/null")
    deployer.fail("ssh -W localhost:22 deploy@target </dev/null")

with subtest("sudo takes one command of it"):
    target.fail("sudo -u deploy sudo -n id")
    target.fail("sudo -u deploy sudo -n nix-env --version")
