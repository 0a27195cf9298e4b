package dev.warpwright.softgpu.sim;

/**
 * Counters of one launch. They depend on the PTX, the arguments and the data only, except where the
 * kernel itself depends on the schedule.
 *
 * @param warpInstructions instructions executed, once a warp
 * @param laneInstructions instructions executed, once a lane
 * @param integerInstructions integer, logic and move instructions of warps
 * @param floatInstructions floating-point arithmetic and conversions of warps
 * @param controlInstructions branches, calls and returns of warps
 * @param divergentBranches branches that split the lanes of a warp
 * @param barriers barriers executed by warps
 * @param warpSyncs shuffles, votes and other warp-wide instructions
 * @param tensorInstructions matrix instructions of warps
 * @param globalLoads load instructions of warps on global memory
 * @param globalLoadSectors 32-byte sectors that these ask for, counted anew by every instruction
 * @param globalLoadUniqueBytes bytes in the distinct sectors read
 * @param globalLoadWidths the loads by bytes a lane
 * @param globalStores store instructions of warps on global memory
 * @param globalStoreSectors 32-byte sectors that these ask for, counted anew by every instruction
 * @param globalStoreUniqueBytes bytes in the distinct sectors written
 * @param globalStoreWidths the stores by bytes a lane
 * @param sharedAccesses load and store instructions of warps on shared memory
 * @param sharedWavefronts passes over the 32 banks that these take
 * @param bankConflicts passes more than an access without conflicts takes
 * @param globalAtomics atomic operations of lanes on global memory
 * @param sharedAtomics atomic operations of lanes on shared memory
 * @param localAccesses load and store instructions of warps on local memory
 */
public record LaunchReport(
    long warpInstructions,
    long laneInstructions,
    long integerInstructions,
    long floatInstructions,
    long controlInstructions,
    long divergentBranches,
    long barriers,
    long warpSyncs,
    long tensorInstructions,
    long globalLoads,
    long globalLoadSectors,
    long globalLoadUniqueBytes,
    AccessWidths globalLoadWidths,
    long globalStores,
    long globalStoreSectors,
    long globalStoreUniqueBytes,
    AccessWidths globalStoreWidths,
    long sharedAccesses,
    long sharedWavefronts,
    long bankConflicts,
    long globalAtomics,
    long sharedAtomics,
    long localAccesses) {}
