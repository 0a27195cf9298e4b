package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;

/**
 * Sines and cosines of a step's tokens, computed on the device by {@code rope_table.cu} for all
 * layers and heads.
 */
final class RotationCuda implements Resource {
  private static final int THREADS = 128;

  private final CudaKernelDevice device;
  private final CudaFunction kernel;
  private final GrowingBuffer table;
  private final int pairs;
  private final boolean interleaved;
  private final double[] frequencies;

  RotationCuda(CudaKernelDevice device, Rope rope, String holder) {
    this.device = device;
    kernel = device.function("attention/rope_table", "rope_table");
    table = new GrowingBuffer(device, holder);
    pairs = rope.style() == Rope.Style.NONE ? 0 : rope.rotaryDim() / 2;
    interleaved = rope.style() == Rope.Style.INTERLEAVED;
    frequencies = new double[pairs];
    for (int i = 0; i < pairs; i++) {
      // The position multiplies last in Rope.angle, so position 1 gives the frequency itself.
      frequencies[i] = rope.angle(i, 1);
    }
  }

  /** Computes the table of {@code tokens} tokens whose positions lie at an address. */
  void update(int tokens, long positions) {
    if (pairs == 0 || tokens == 0) {
      return;
    }
    reserve(tokens);
    try (CudaRun run = device.begin()) {
      run.arguments()
          .add(positions)
          .add(table.address())
          .add(table.address() + start())
          .add(tokens)
          .add(pairs)
          .add(interleaved ? 1 : 0);
      int blocks = Math.toIntExact(Math.ceilDiv((long) tokens * pairs, THREADS));
      run.launch(kernel, LaunchGrid.of(blocks, THREADS));
      run.complete();
    }
  }

  /** Brings only the frequencies to the device. */
  void prepare() {
    if (pairs > 0) {
      reserve(0);
    }
  }

  /** Makes room for the table of {@code tokens} tokens, behind the frequencies. */
  private void reserve(int tokens) {
    if (table.reserve(start() + 4L * Float.BYTES * pairs * tokens)) {
      try {
        device.copy(
            Tensor.wrap(frequencies, pairs), Tensor.of(table.memory(), 0, DType.F64, pairs));
      } catch (RuntimeException e) {
        table.close(); // or the next call would take it for filled
        throw e;
      }
    }
  }

  /** The table lies behind the frequencies, where loads of 16 bytes may begin. */
  private long start() {
    return Math.ceilDiv((long) Double.BYTES * pairs, 16L) * 16;
  }

  /** Adds the table, the rotated elements of a head, and whether pairs are neighbours. */
  void addTo(KernelArguments arguments) {
    arguments.add(table.address() + start()).add(2 * pairs).add(interleaved ? 1 : 0);
  }

  /** Adds the frequencies of pairs, their number, and whether pairs are neighbours. */
  void addFrequenciesTo(KernelArguments arguments) {
    arguments.add(table.address()).add(pairs).add(interleaved ? 1 : 0);
  }

  /** Bytes on the device. */
  long bytes() {
    return table.bytes();
  }

  @Override
  public void close() {
    table.close();
  }
}
