#include "../../CRdKafka/shim.h"
