/** URLs of health checks, and whether they lead whoever asks to itself: for src/fleet/health-checks.ts and nix/validate.nix alike. */

/** What the deployer refuses to ask, and `nix flake check` too. */
export const LEAD_HERE: readonly string[] = [
  ...["localhost", "localhost.", "LOCALHOST", "web1.localhost", "LocalHost:8080", "localhost/x?y=z#w", "localhost?x"],
  ...["127.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "127.255.255.254:80/x", "0.0.0.0", "0.0.0.0:80", "0", "0.0"],
  ...["[::1]", "[::1]:80/", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[0::1]", "[::0:1]"],
  ...["[::]", "[0:0:0:0:0:0:0:0]", "[0::]", "[::ffff:127.0.0.1]", "[::FFFF:127.1.2.3]", "[0:0:0:0:0:ffff:127.0.0.1]"],
  ...["[::ffff:7f00:1]", "[::ffff:7FFF:ffff]:8080/x", "[::ffff:0.0.0.0]", "[::ffff:0:0]", "[0::ffff:0:0000]"],
].flatMap((rest) => [`http://${rest}`, `HTTPS://${rest}`]);

/** The same, by spellings that only a URL's own rules know: to these `nix flake check` says nothing. */
export const LEAD_HERE_ODDLY: readonly string[] = [
  ...["0x7f.1", "2130706433", "0177.0.0.1", "%6cocalhost", "ｌocalhost", "127。0。0。1"],
].map((rest) => `http://${rest}/`);

export const LEAD_AWAY: readonly string[] = [
  ...["127.example.org", "127.0.0.1.example.org", "127", "127:80", "12.7.0.1", "localhost.example.org"],
  ...["notlocalhost", "localhosts", "web1/localhost", "web1/?http://localhost/", "web1/x@localhost", "web1#.localhost"],
  ...["10.0.0.1", "0.0.0.1", "1.0.0.0", "0.example.org", "128.0.0.1", "[::2]", "[1::1]", "[::1:1]", "[::10]", "[1::]"],
  ...["[::127.0.0.1]", "[::ffff:126.0.0.1]", "[::ffff:7e00:1]", "[::ffff:8000:1]", "[::fffe:7f00:1]", "[::ffff:0:1]"],
  ...["[::ffff:1.0.0.0]", "[ffff::7f00:1]", "[64:ff9b::127.0.0.1]", "[fe80::1]", "[2001:db8::1]:80/[::1]"],
].flatMap((rest) => [`http://${rest}`, `Https://${rest}`]);
