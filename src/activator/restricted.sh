#!/bin/sh -p
# The one command that a deploy user may run as root: the installed activator, in restricted mode and in an environment of its own.
cd / && exec /usr/bin/env -i PATH=/run/current-system/sw/bin:/usr/bin:/bin \
  /bin/sh -p /run/current-system/sw/bin/bungee-activator restricted "$@"
