#pragma once
#if !__has_include(<nats/nats.h>)
#error MillraceNATS needs libnats: apt-get install libnats-dev (Debian), dnf install cnats-devel (Fedora), brew install cnats (macOS)
#else

#include <nats/nats.h>

#endif
