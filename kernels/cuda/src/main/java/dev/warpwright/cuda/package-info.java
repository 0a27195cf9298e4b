/**
 * The CUDA provider: devices, and what all launchers share. A launcher has the name of its kernel:
 * {@code RmsNormCuda} starts {@code src/main/cuda/attention/rms_norm.cu}.
 */
@org.jspecify.annotations.NullMarked
package dev.warpwright.cuda;
