#pragma once
#if !__has_include(<librdkafka/rdkafka.h>)
#error MillraceKafka needs librdkafka: apt-get install librdkafka-dev (Debian), dnf install librdkafka-devel (Fedora), brew install librdkafka (macOS)
#else

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#endif
