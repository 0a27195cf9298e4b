package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/**
 * One line of the conformance table.
 *
 * @param symbol the entry point
 * @param what the arguments, in words
 * @param expected what the driver API documents for them
 * @param call makes the call on a fresh machine
 * @param check looks at what the call did
 */
record Row(
    String symbol,
    String what,
    CudaResult expected,
    ToIntFunction<Machine> call,
    Consumer<Machine> check) {}
