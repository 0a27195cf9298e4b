package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.COOPERATIVE_LAUNCH_TOO_LARGE;
import static dev.warpwright.softgpu.CudaResult.FILE_NOT_FOUND;
import static dev.warpwright.softgpu.CudaResult.INVALID_HANDLE;
import static dev.warpwright.softgpu.CudaResult.INVALID_IMAGE;
import static dev.warpwright.softgpu.CudaResult.INVALID_PTX;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.NOT_FOUND;
import static dev.warpwright.softgpu.CudaResult.NO_BINARY_FOR_GPU;
import static dev.warpwright.softgpu.CudaResult.UNSUPPORTED_PTX_VERSION;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JITOptions;

/** Modules, functions and launches. */
final class ModuleRows extends Table {
  private static final int MAX_DYNAMIC_SHARED = 8;
  private static final byte[] CUBIN = {0x7f, 'E', 'L', 'F', 0};

  ModuleRows() {
    modules();
    functions();
    launches();
  }

  private void modules() {
    on("cuModuleLoad");
    ok("", ModuleRows::loadFile);
    fails("no file", FILE_NOT_FOUND, m -> cuModuleLoad(new CUmodule(), "/no/such/file.ptx"));

    on("cuModuleLoadData");
    ok("PTX", m -> cuModuleLoadData(new CUmodule(), Machine.STORE));
    fails("no PTX", INVALID_IMAGE, m -> cuModuleLoadData(new CUmodule(), "hello"));
    fails("machine code", NO_BINARY_FOR_GPU, m -> cuModuleLoadData(new CUmodule(), CUBIN));
    fails(
        "PTX of a newer CUDA",
        UNSUPPORTED_PTX_VERSION,
        m -> cuModuleLoadData(new CUmodule(), Machine.STORE.replace("8.0", "9.9")));
    fails(
        "an unknown instruction",
        INVALID_PTX,
        m -> cuModuleLoadData(new CUmodule(), Machine.STORE.replace("cvta", "nonsense")));

    on("cuModuleLoadDataEx");
    ok("PTX", m -> cuModuleLoadDataEx(new CUmodule(), Machine.STORE, 0, new int[0], new Pointer()));
    fails(
        "an unknown instruction",
        INVALID_PTX,
        m ->
            cuModuleLoadDataJIT(
                new CUmodule(),
                Machine.direct(Machine.STORE.replace("cvta", "nonsense")),
                new JITOptions()));

    on("cuModuleLoadFatBinary");
    fails("", NO_BINARY_FOR_GPU, m -> cuModuleLoadFatBinary(new CUmodule(), CUBIN));

    on("cuModuleUnload");
    ok("", m -> cuModuleUnload(m.module()));
    fails("null", INVALID_HANDLE, m -> cuModuleUnload(new CUmodule()));

    on("cuModuleGetFunction");
    ok("known", m -> cuModuleGetFunction(new CUfunction(), m.module(), "store"));
    fails("unknown", NOT_FOUND, m -> cuModuleGetFunction(new CUfunction(), m.module(), "nothing"));
    fails(
        "of null",
        INVALID_HANDLE,
        m -> cuModuleGetFunction(new CUfunction(), new CUmodule(), "store"));

    on("cuModuleGetGlobal_v2");
    ok(
        "known",
        m -> cuModuleGetGlobal(new CUdeviceptr(), m.longs, m.module(), "counter"),
        m -> assertEquals(4, m.longs[0]));
    fails(
        "unknown",
        NOT_FOUND,
        m -> cuModuleGetGlobal(new CUdeviceptr(), m.longs, m.module(), "nothing"));

    on("cuModuleGetLoadingMode");
    ok("", m -> cuModuleGetLoadingMode(m.ints));
  }

  private static int loadFile(Machine m) {
    try {
      Path file = Files.createTempFile("store", ".ptx");
      try {
        Files.writeString(file, Machine.STORE);
        return cuModuleLoad(new CUmodule(), file.toString());
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void functions() {
    on("cuFuncGetAttribute");
    ok(
        "threads",
        m -> cuFuncGetAttribute(m.ints, 0, m.function()),
        m -> assertEquals(1024, m.ints[0]));
    fails("no attribute", INVALID_VALUE, m -> cuFuncGetAttribute(m.ints, 99, m.function()));
    fails("of null", INVALID_HANDLE, m -> cuFuncGetAttribute(m.ints, 0, new CUfunction()));

    on("cuFuncSetAttribute");
    ok(
        "shared memory up to the limit",
        m -> cuFuncSetAttribute(m.function(), MAX_DYNAMIC_SHARED, 227 << 10));
    fails(
        "shared memory beyond the limit",
        INVALID_VALUE,
        m -> cuFuncSetAttribute(m.function(), MAX_DYNAMIC_SHARED, (227 << 10) + 1));

    on("cuFuncGetModule");
    ok("", m -> cuFuncGetModule(new CUmodule(), m.function()));
    fails("of null", INVALID_HANDLE, m -> cuFuncGetModule(new CUmodule(), new CUfunction()));

    on("cuFuncSetCacheConfig");
    ok("", m -> cuFuncSetCacheConfig(m.function(), 1));
    fails("no configuration", INVALID_VALUE, m -> cuFuncSetCacheConfig(m.function(), 9));

    on("cuOccupancyMaxActiveBlocksPerMultiprocessor");
    ok(
        "of 256 threads",
        m -> cuOccupancyMaxActiveBlocksPerMultiprocessor(m.ints, m.function(), 256, 0),
        m -> assertEquals(8, m.ints[0]));
    fails(
        "of no threads",
        INVALID_VALUE,
        m -> cuOccupancyMaxActiveBlocksPerMultiprocessor(m.ints, m.function(), 0, 0));

    on("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags");
    ok(
        "with 40 KiB of shared memory",
        m ->
            cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
                m.ints, m.function(), 256, 40 << 10, 0),
        m -> assertEquals(5, m.ints[0]));
    fails(
        "no flag",
        INVALID_VALUE,
        m -> cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(m.ints, m.function(), 256, 0, 8));

    on("cuOccupancyAvailableDynamicSMemPerBlock");
    ok("", m -> cuOccupancyAvailableDynamicSMemPerBlock(m.longs, m.function(), 8, 256));
    fails(
        "no blocks",
        INVALID_VALUE,
        m -> cuOccupancyAvailableDynamicSMemPerBlock(m.longs, m.function(), 0, 256));
  }

  private void launches() {
    on("cuLaunchKernel");
    ok("", m -> launch(m, 1, 1, 0), m -> assertEquals(42, m.read(0)));
    fails("no blocks", INVALID_VALUE, m -> launch(m, 0, 1, 0));
    fails("no threads", INVALID_VALUE, m -> launch(m, 1, 0, 0));
    fails("too many threads", INVALID_VALUE, m -> launch(m, 1, 1025, 0));
    fails("too much shared memory", INVALID_VALUE, m -> launch(m, 1, 1, (48 << 10) + 1));
    fails(
        "no parameters",
        INVALID_VALUE,
        m -> cuLaunchKernel(m.function(), 1, 1, 1, 1, 1, 1, 0, m.stream, null, null));
    fails(
        "no function",
        INVALID_HANDLE,
        m ->
            cuLaunchKernel(
                new CUfunction(), 1, 1, 1, 1, 1, 1, 0, m.stream, m.parameters(42), null));

    on("cuLaunchCooperativeKernel");
    ok("one block", m -> launchCooperative(m, 1));
    fails("more blocks than fit", COOPERATIVE_LAUNCH_TOO_LARGE, m -> launchCooperative(m, 100_000));
  }

  private static int launch(Machine m, int blocks, int threads, int shared) {
    return cuLaunchKernel(
        m.function(), blocks, 1, 1, threads, 1, 1, shared, m.stream, m.parameters(42), null);
  }

  private static int launchCooperative(Machine m, int blocks) {
    return cuLaunchCooperativeKernel(
        m.function(), blocks, 1, 1, 1, 1, 1, 0, m.stream, m.parameters(42));
  }
}
