#include "../../CHiredis/shim.h"
#include "../../COpenSSL/shim.h"
