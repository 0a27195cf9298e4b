/**
 * The CUDA runtime under Warpwright's kernels: devices, memory, streams, events, modules and
 * launches on the CUDA driver API, through JCuda.
 *
 * <p>JCuda keeps the garbage collector from running for as long as it holds a Java array, so
 * everything here hands it native memory. A CUDA call makes the device's context current on the
 * calling thread and leaves it so.
 */
@NullMarked
package dev.warpwright.cuda.runtime;

import org.jspecify.annotations.NullMarked;
