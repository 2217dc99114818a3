# A deploy, and what it leaves. In the lab: test/e2e/deploys.test.ts, test/e2e/first-deploy.test.ts.
ready()
before = systems()

with subtest("a host that never saw bungee gets the new system, for good"):
    want("next")
    assert "confirmed" in bungee("deploy target")
    running, profile = systems()
    assert running == profile, systems()
    assert running not in before
    assert version() == "2"
    answers()

with subtest("the same again is no work"):
    assert "unchanged" in bungee("deploy target")

with subtest("it is what the host boots"):
    target.shutdown()
    comes_up()
    assert systems() == [running, profile]
    assert version() == "2"
    answers()
