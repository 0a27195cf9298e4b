package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.cuda.sparse.Chunk;
import dev.warpwright.cuda.sparse.MatrixShape;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Starts {@code expert_matmul.cu} and its variants for codes: a kernel for experts with few slots,
 * and one for the others if there can be any. The bits of a result do not depend on what is chosen
 * here.
 */
final class ExpertMatmulCuda extends ExpertMatmul {
  private final CudaKernelDevice device;
  private final List<Work> works;
  private final @Nullable DeviceBuffer workspace;

  /** Bytes of the counters, which lie before the parts. */
  private final long counters;

  /** A parameter of the kernels. */
  private final MemorySegment shape;

  /** A kernel and its share of the work. */
  private record Work(CudaFunction kernel, ExpertCut cut, int sharedBytes) {
    static Work of(CudaKernelDevice device, ExpertMatmulSpec spec, ExpertCut cut) {
      String source =
          "expert_matmul"
              + switch (spec.format()) {
                case WeightFormat.Dense dense -> "";
                case WeightFormat.Quant quant -> "_quant";
                case WeightFormat.GroupSparse sparse -> "_sparse";
              };
      CudaFunction kernel =
          device.function(
              "moe/" + source, source + "_" + cut.shape().suffix() + "_" + cut.kernel().slots);
      int shared = cut.sharedBytes(Chunk.of(spec.format(), false));
      if (shared > LaunchGrid.COMMON_SHARED) {
        kernel.allowDynamicShared(shared);
      }
      return new Work(kernel, cut, shared);
    }
  }

  ExpertMatmulCuda(CudaKernelDevice device, ExpertMatmulSpec spec) {
    long slots = spec.maxSlots();
    device.reserve(
        CudaRun.staged(Integer.BYTES * (spec.experts() + 1L))
            + CudaRun.staged(Integer.BYTES * slots)
            + CudaRun.staged(Float.BYTES * Math.max(slots, spec.maxRows()) * spec.inputs())
            + CudaRun.staged(Float.BYTES * slots * spec.outputs()));
    List<Work> kernels = cuts(device, spec).map(cut -> Work.of(device, spec, cut)).toList();
    // The kernels use it one after the other.
    long zeros = most(kernels.stream().map(work -> work.cut.counterBytes(spec.maxSlots())));
    long bytes = zeros + most(kernels.stream().map(work -> work.cut.partBytes(spec.maxSlots())));
    workspace = device.workspace(bytes, zeros, spec.kernel());
    super(device, spec, bytes);
    this.device = device;
    works = kernels;
    counters = zeros;
    shape = shapeOf(spec).parameter(Arena.ofAuto());
  }

  private static MatrixShape shapeOf(ExpertMatmulSpec spec) {
    return new MatrixShape(spec.format(), spec.outputs(), spec.inputs());
  }

  /** How the kernels that a plan may need spread their work. */
  private static Stream<ExpertCut> cuts(CudaKernelDevice device, ExpertMatmulSpec spec) {
    return Stream.of(ExpertCut.Kernel.values())
        .map(
            kernel ->
                new ExpertCut(
                    kernel,
                    shapeOf(spec),
                    spec.activation() == Activation.NONE ? 1 : 2,
                    spec.experts(),
                    device.limits().multiprocessors()))
        .filter(cut -> cut.tiles(spec.maxSlots()) > 0);
  }

  /** Shared memory of a block of threads at most. */
  static int mostShared(CudaKernelDevice device, ExpertMatmulSpec spec) {
    Chunk chunk = Chunk.of(spec.format(), false);
    return cuts(device, spec).mapToInt(cut -> cut.sharedBytes(chunk)).max().orElseThrow();
  }

  private static long most(Stream<Long> bytes) {
    return bytes.mapToLong(Long::longValue).max().orElse(0);
  }

  /** As in the source. */
  private static int number(Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case SWIGLU -> 1;
      case GEGLU -> 2;
    };
  }

  @Override
  protected void execute(
      PreparedExperts w, int slots, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y) {
    PreparedExpertsCuda experts = (PreparedExpertsCuda) w;
    boolean unseen = !offsets.isHost() || (order != null && !order.isHost());
    try (CudaRun run = device.begin()) {
      long starts = run.input(offsets);
      long choices = order == null ? 0 : run.input(order);
      long from = run.input(x);
      long to = run.inOut(y); // padding stays as it was
      long area = workspace == null ? 0 : workspace.address();
      for (Work work : works) {
        int tiles = work.cut.tiles(slots);
        if (tiles > 0) {
          boolean cut = work.cut.isCut(tiles);
          int units = work.cut.units(cut, experts);
          run.arguments()
              .add(starts)
              .add(spec().experts())
              .add(choices)
              .add(spec().topK())
              .add(from)
              .add(x.size(0))
              .add(to)
              .add(slots)
              .add(spec().inputs())
              .add(number(spec().activation()))
              .add(cut ? 1 : 0)
              .add(cut && work.cut.hasShares() ? 1 : 0)
              .add(units)
              .add(area + counters)
              .add(area)
              .add(work.cut.region())
              .add(experts.gates())
              .add(experts.ups())
              .add(shape);
          run.guard(KernelId.EXPERT_MATMUL, unseen);
          run.launch(
              work.kernel,
              LaunchGrid.of(Math.multiplyExact(tiles, units), work.cut.kernel().threads)
                  .withShared(work.sharedBytes));
        }
      }
      run.complete();
    }
  }

  @Override
  protected void release() {
    Resources.close(workspace);
  }
}
