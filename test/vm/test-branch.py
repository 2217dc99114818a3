# What a branch does, and what a reboot undoes. In the lab: test/e2e/acceptance.test.ts, test/e2e/ci.test.ts.
ready()
before = systems()
job = "--known-hosts /root/.ssh/known_hosts --ssh-key-file /root/.ssh/id_ecdsa"
want("next")

with subtest("a test branch of no host is red, and touches none"):
    assert "names no host" in bungee(f"ci --branch test-tarjet {job}", expect=2)
    assert systems() == before

with subtest("a test branch: live, and not what the host boots"):
    bungee(f"ci --branch test-target {job}")
    running, profile = systems()
    assert running not in before
    assert profile == before[1]
    assert version() == "2"

with subtest("a power loss falls back"):
    target.crash()
    comes_up()
    assert systems() == before
    assert version() == "1"

with subtest("main: live, and what the host boots"):
    bungee(f"ci --branch main {job}")
    running, profile = systems()
    assert running == profile, systems()
    target.shutdown()
    comes_up()
    assert systems() == [running, profile]
    assert version() == "2"
