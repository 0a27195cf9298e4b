package dev.warpwright.softgpu.sim;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** A device memory with a module in it, and short ways to launch. */
final class TestGpu {
  final DeviceMemory memory = new DeviceMemory(1L << 30);
  final PtxModule module;
  final StringBuilder printed = new StringBuilder();

  TestGpu(String ptx) {
    module = PtxModule.load("test.ptx", ptx, DeviceProfile.H100, memory);
  }

  static String resource(String name) {
    try (InputStream in = TestGpu.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The PTX that is kept with kernels.cu, the same on every machine. */
  static String keptKernels(int architecture) {
    return resource("kernels.sm_" + architecture + ".ptx");
  }

  /** What this build's nvcc has made of a file of kernels, or else the PTX that is kept with it. */
  static String kernels(String stem, int architecture) {
    String name = stem + ".sm_" + architecture + ".ptx";
    return isCompiled() ? resource("compiled/" + name) : resource(name);
  }

  /** Whether this build has an nvcc. */
  static boolean isCompiled() {
    return TestGpu.class.getResource("compiled/compiled.properties") != null;
  }

  long upload(int[] values) {
    return upload(MemorySegment.ofArray(values), "ints");
  }

  long upload(float[] values) {
    return upload(MemorySegment.ofArray(values), "floats");
  }

  long upload(byte[] values) {
    return upload(MemorySegment.ofArray(values), "bytes");
  }

  long upload(short[] values) {
    return upload(MemorySegment.ofArray(values), "halves");
  }

  long upload(long[] values) {
    return upload(MemorySegment.ofArray(values), "longs");
  }

  private long upload(MemorySegment data, String label) {
    long address = memory.allocate(data.byteSize(), label);
    memory.copyIn(address, data);
    return address;
  }

  long output(long bytes) {
    return memory.allocate(bytes, "output");
  }

  int[] ints(long address, int count) {
    int[] values = new int[count];
    memory.copyOut(address, MemorySegment.ofArray(values));
    return values;
  }

  long[] longs(long address, int count) {
    long[] values = new long[count];
    memory.copyOut(address, MemorySegment.ofArray(values));
    return values;
  }

  float[] floats(long address, int count) {
    float[] values = new float[count];
    memory.copyOut(address, MemorySegment.ofArray(values));
    return values;
  }

  /** Grid and block of a launch. */
  record Shape(int gridX, int gridY, int blockX, int blockY, int dynamicShared) {
    static Shape of(int grid, int block) {
      return new Shape(grid, 1, block, 1, 0);
    }
  }

  /** Address of a variable of the module. */
  long variable(String name) {
    return Objects.requireNonNull(module.global(name), name).address();
  }

  LaunchReport launch(String kernel, Shape shape, long seed, Object... arguments) {
    return launch(kernel, shape, seed, false, arguments);
  }

  /** All blocks are resident and can wait for each other. */
  LaunchReport launchCooperative(String kernel, Shape shape, long seed, Object... arguments) {
    return launch(kernel, shape, seed, true, arguments);
  }

  private LaunchReport launch(
      String kernel, Shape shape, long seed, boolean cooperative, Object[] arguments) {
    Entry entry = Objects.requireNonNull(module.entry(kernel), kernel);
    ByteBuffer buffer = ByteBuffer.allocate(entry.parameterBytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < arguments.length; i++) {
      buffer.position(entry.parameters().get(i).offset());
      switch (arguments[i]) {
        case Long address -> buffer.putLong(address);
        case Integer value -> buffer.putInt(value);
        case Float value -> buffer.putFloat(value);
        default -> throw new IllegalArgumentException(arguments[i].toString());
      }
    }
    Launch launch =
        new Launch(
            entry,
            shape.gridX,
            shape.gridY,
            1,
            shape.blockX,
            shape.blockY,
            1,
            shape.dynamicShared,
            buffer.array(),
            cooperative);
    SimOptions options = new SimOptions(seed, Check.all(), 2_000_000);
    return new Simulator(DeviceProfile.H100, memory, options, printed::append).run(launch);
  }
}
