@testable import faults
import Testing
