#include "../../CZlib/shim.h"
