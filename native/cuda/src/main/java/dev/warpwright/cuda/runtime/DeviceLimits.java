package dev.warpwright.cuda.runtime;

import jcuda.driver.CUdevice_attribute;

/**
 * What kernels may ask of a device.
 *
 * @param architecture compute capability, 90 for 9.0
 * @param multiprocessors number of multiprocessors
 * @param threadsPerBlock threads of a block
 * @param sharedPerBlock bytes of shared memory of a block, for kernels that opt in
 * @param sharedPerMultiprocessor bytes of shared memory of a multiprocessor
 * @param l2Bytes second-level cache
 */
public record DeviceLimits(
    int architecture,
    int multiprocessors,
    int threadsPerBlock,
    int sharedPerBlock,
    int sharedPerMultiprocessor,
    int l2Bytes) {
  static DeviceLimits read(CudaDevice device) {
    return new DeviceLimits(
        10 * device.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
            + device.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        device.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        device.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
        device.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        device.attribute(
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
        device.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE));
  }
}
