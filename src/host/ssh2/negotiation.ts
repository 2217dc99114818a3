/** The two sides know no common way to speak. */
import { LoginError } from "../../errors.ts";

export class NoCommonAlgorithm extends LoginError {
  /** @param kind as ssh says it: "key exchange method", "host key type", "cipher", "MAC" */
  constructor(hostname: string, kind: string, offer: string | undefined) {
    super(`${hostname} and bungee know no common ${kind}`, {
      mend: "let ssh itself do it (--ssh openssh), or look at what ssh_config allows here (ssh -G) and sshd_config there (sshd -T)",
      ...(offer === undefined ? {} : { detail: `the host offers: ${offer}` }),
    });
  }
}
